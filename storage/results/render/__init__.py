"""Pictures made when somebody asks: film, lung mask, heatmap, overlay. Needs OpenCV, no model."""
