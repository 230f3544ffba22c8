"""LastFM's Table 2 in pandas: a p-value by SciPy, a metric by ir_measures, the seeds as a plot.

python examples/lastfm_table2.py seeds.png      (needs `pip install ir-measures`)
"""

import subprocess
import sys
import tempfile

import matplotlib.pyplot as plt
from ir_measures import Success, calc_aggregate, read_trec_qrels, read_trec_run
from scipy import stats

import harness

asked = "dataset=lastfm,model=gru4rec"
table = harness.load("table2", where=asked, seeds="42-46")

# The claim's t test again: NDCG@10 of each user, averaged over the seeds, with one loss and with the other.
ndcg = table.users.query("metric == 'NDCG@10'")
wide = ndcg.pivot_table(index="user", columns="system", values="value", aggfunc="mean", observed=True)
claim = table.claims.query("metric == 'NDCG@10'").iloc[0]
test = stats.ttest_rel(wide["gru4rec/ce-all"], wide["gru4rec/ce-last"])
print(f"p: SciPy {test.pvalue:.6g}, table {claim['p']:.6g}")

# HIT@10 of one run again, by ir_measures from TREC files.
with tempfile.TemporaryDirectory() as to:
    arguments = ["table2", "--where", asked, "--seeds", "42", "--format", "trec", "--to", to]
    subprocess.run([sys.executable, "-m", "harness", "export", *arguments], check=True, stdout=subprocess.DEVNULL)
    place = f"{to}/trec/s3rec/lastfm"
    files = read_trec_qrels(f"{place}/qrels.txt"), read_trec_run(f"{place}/gru4rec-ce-all-42.run")
    again = calc_aggregate([Success @ 10], *files)[Success @ 10]
run = table.runs.query("system == 'gru4rec/ce-all' and seed == 42").iloc[0]
print(f"HIT@10 of seed 42: ir_measures {again:.4f}, printed by the code base {run['printed.HIT@10']:.4f}")

hits = table.users.query("metric == 'HIT@10'").groupby(["system", "seed"], observed=True)["value"].mean().reset_index()
plt.plot(hits["system"].astype(str), hits["value"], "o")
plt.ylabel("HIT@10")
plt.savefig(sys.argv[1])
