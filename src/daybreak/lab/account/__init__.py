"""The rest of the account, which moto keeps: asked in AWS's own words, remembered over a restart."""
