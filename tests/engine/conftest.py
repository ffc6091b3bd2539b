from tests.model_fixtures import checkpoint  # noqa: F401  (fixture)
