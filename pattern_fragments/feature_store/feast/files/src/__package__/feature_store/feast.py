"""What is used of Feast, loaded without what else that does to a process."""

import os
import warnings

_environment = dict(os.environ)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # deprecations inside of Feast and of what it imports
    from feast import Entity as Entity
    from feast import FeatureService as FeatureService
    from feast import FeatureStore as FeatureStore
    from feast import FeatureView as FeatureView
    from feast import Field as Field
    from feast import FileSource as FileSource
    from feast import RepoConfig as RepoConfig
    from feast import ValueType as ValueType
    from feast.types import Float32 as Float32
    from feast.types import Float64 as Float64
    from feast.types import String as String

# Feast sets variables that change how other libraries of this process, and its children, count.
for _name in os.environ.keys() - _environment.keys():
    del os.environ[_name]
