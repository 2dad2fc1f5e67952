"""The sim library: the placeholders' tasks done for real, on simulated visibilities or on data.

`pip install 'radps-dag[sim]'` brings what it needs; `[ms]` what MeasurementSets v2 need.
"""

from __future__ import annotations

from radps_dag.workloads.sim.bandpass import *
from radps_dag.workloads.sim.caltables import *
from radps_dag.workloads.sim.cleaning import *
from radps_dag.workloads.sim.continuum import *
from radps_dag.workloads.sim.drawing import *
from radps_dag.workloads.sim.export import *
from radps_dag.workloads.sim.flagging import *
from radps_dag.workloads.sim.gains import *
from radps_dag.workloads.sim.images import *
from radps_dag.workloads.sim.importing import *
from radps_dag.workloads.sim.observing import *
from radps_dag.workloads.sim.selfcal import *
from radps_dag.workloads.sim.work import *

# More calls at once than there are processors would hold more memory, and gain nothing.
COMPUTES = True
