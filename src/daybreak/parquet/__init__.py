"""The only home of pyarrow: the files of RDS's exports, and how their rows become rows of a typed table."""
