"""The plug-ins every test may use; each topic's fixtures live in its own ``fix_<topic>`` module."""

pytest_plugins = [
    "tests.fix_awscli",
    "tests.fix_browser",
    "tests.fix_golden",
    "tests.fix_lab",
    "tests.fix_pages",
    "tests.fix_postgres",
    "tests.fix_stage",
    "tests.fix_s3",
    "tests.fix_journal",
    "tests.chaos.fix_lives",
]
