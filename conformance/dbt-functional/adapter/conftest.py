"""The fixtures of dbt's functional tests; the profile comes from the plugin."""

pytest_plugins = ["dbt.tests.fixtures.project"]
