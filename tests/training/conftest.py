from tests.model_fixtures import checkpoint, masked, task  # noqa: F401  (fixtures)
