"""The two networks: a U-Net that finds the lungs, and CheXNet, which classifies films."""
