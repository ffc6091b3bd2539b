from tests.model_fixtures import checkpoint, task  # noqa: F401  (fixtures)
