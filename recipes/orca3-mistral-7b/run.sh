#!/usr/bin/env bash
# Orca-3 from raw corpora: each line may be run alone, and each resumes. For 8 GPUs of 80 GB.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH="$PWD/.venv/bin:$PATH"
recipe=recipes/orca3-mistral-7b run=runs/orca3
# Start the teacher now: it must answer at generate.yaml's URL up to the end of orca-bench build.
genteach generate --config $recipe/generate.yaml
genteach orca-bench build $run --per-skill 100 --teacher http://127.0.0.1:8000/v1
# Stop the teacher now: training needs the whole of its GPUs.
genteach curate $run
genteach tokenize --config $recipe/train.yaml
genteach pack --config $recipe/train.yaml
accelerate launch --config_file recipes/accelerate/zero2.yaml -m genteach.train --config $recipe/train.yaml --set per_device_train_batch_size=2
# Start the judge now, at evaluate.yaml's URL, on GPUs other than the first: that one holds the student.
genteach evaluate --config $recipe/evaluate.yaml --model mistralai/Mistral-7B-Instruct-v0.3 --out $run/results/instruct
genteach evaluate --config $recipe/evaluate.yaml --model $run/student --out $run/results/student
genteach compare $run/results/instruct $run/results/student --html $run/results/report.html
