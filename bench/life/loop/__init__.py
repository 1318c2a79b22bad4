"""The closed loop: the reference controller's own decisions, minute by minute, over a year of a duty.

    duty, climate, frequency --`agenda`--> what each minute asks --`controller`: Ems.decide--> power --`car`--> SoC, heat

`controller` builds the reference controller (`v2g_bench.ems`) and asks it for its decision; nothing that it decides is
written here again. What is modelled is the world around it: `car` (charge, heat, coolant), `agenda` (driving, plugged
or not, requests), `frequency` and `climate`.
"""
