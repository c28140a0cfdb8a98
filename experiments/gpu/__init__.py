"""What a certificate costs on a GPU, beside the paper's figures."""
