#!/usr/bin/env bash
# Your documents in docs/, a teacher at the URL of generate.yaml. Stop the teacher before training if it holds the GPUs.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH="$PWD/.venv/bin:$PATH"
recipe=recipes/own-documents teacher=http://127.0.0.1:8000/v1
genteach generate --config $recipe/generate.yaml
genteach orca-bench build runs/docs --teacher $teacher
genteach curate runs/docs
genteach tokenize --config $recipe/train.yaml
genteach pack --config $recipe/train.yaml
accelerate launch --config_file recipes/accelerate/zero2.yaml -m genteach.train --config $recipe/train.yaml
genteach evaluate --config $recipe/evaluate.yaml --out runs/docs/results/student
genteach evaluate --config $recipe/evaluate.yaml --model mistralai/Mistral-7B-Instruct-v0.3 --out runs/docs/results/instruct
genteach compare runs/docs/results/instruct runs/docs/results/student --html runs/docs/results/report.html
