"""The feature store: what is known of an entity, as it was (offline) and as it is (online).

Training, materialisation and batch runs use Feast. Serving reads what Feast wrote, without it.
"""
