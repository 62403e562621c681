"""The rest of the account, which moto keeps: we ask moto in AWS's own words and remember its state across a restart."""
