"""Work lists: what a plan recommends, as the people see it who decide about it, fast enough for every click."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

import pandas as pd
from sqlalchemy.orm import Session

from pricelm.core.errors import ConfigError
from pricelm.services.approving import MOVES, BatchRecord, unknown_batch
from pricelm.services.planning import PlanInputs
from pricelm.services.snapshots import PARTS, read_snapshot
from pricelm.storage.audit import read_log_end
from pricelm.storage.batches import (
    Batch,
    RecommendationRow,
    count_states,
    get_batch,
    latest_batches,
    recommendation_values,
)
from pricelm.storage.database import Store
from pricelm.storage.documents import get_document

_KEPT = 4
_ONE = TypeVar("_ONE")
