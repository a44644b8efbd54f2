"""Batches killed at random moments: after the last resume every output is what an undisturbed run makes."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from . import batch_stub
