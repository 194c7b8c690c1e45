"""How well faults are found, and how often sound without a fault is called faulty: `make accuracy`.

material: clean sound by domain and split · opus, faults, faults_slow, faults_coded: faults with exact truth ·
recorders: what a recorder does afterwards · evaluate: matching and figures · peers: other tools · run: the table.
"""
