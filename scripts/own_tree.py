"""A script runs the peerd that lies beside it, whichever is installed: it imports this first."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
