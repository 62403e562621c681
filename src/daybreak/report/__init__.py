"""Any noun to text, markdown, JSON or aws command lines; pure."""
