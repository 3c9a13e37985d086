"""What training minimises: each objective takes a model and a batch, and gives the loss and its parts."""
