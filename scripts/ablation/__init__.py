"""Which label-free recipe gives an encoder that reads expression on unseen phantom people: see ablation_pretrain."""
