"""Pictures drawn in processes of their own: films come from strangers, decoders are native code."""
