#!/usr/bin/env bash
# The quickstart: documents in, a measured student out, on two CPU cores, with nothing to download.
# Every line resumes where it stopped; `rm -r runs/quickstart` starts afresh. --smoke: the same path in small.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH="$PWD/.venv/bin:$PATH" OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1

recipe=recipes/tiny run=runs/quickstart items=200 limit=() steps=()
if [ "${1:-}" = --smoke ]; then
  run=runs/smoke items=10 limit=(--limit 120) steps=(--set max_steps=20 --set save_steps=20)
  rm -rf "$run"
fi
began=$SECONDS
say() { printf '\n== %s (%d s)\n' "$1" $((SECONDS - began)); }

say "Documents to verified pairs"
genteach generate --config $recipe/generate.yaml --out $run "${limit[@]}"
genteach orca-bench build $run --per-skill $items
genteach curate $run
genteach curate $run --control bare         # the same pairs, each answer without its working
genteach curate $run --control unverified   # the same pairs, 30 % of the answers wrong

say "A student from nothing: random weights, and a tokenizer learnt from the training seeds"
genteach init-student --config $recipe/student.yaml --seeds $run/seeds.parquet --out $run/init

arm() { # NAME DATA [more settings]: tokens, plan, checkpoint, and what it answers on held-out documents
  local over=(--set model_name_or_path=$run/init --set data="$2" --set tokens=$run/tokens/"$1" --set output_dir=$run/"$1")
  over+=("${@:3}" "${steps[@]}")
  genteach tokenize --config $recipe/train.yaml "${over[@]}" --processes 1
  genteach pack --config $recipe/train.yaml "${over[@]}"
  accelerate launch --config_file recipes/accelerate/cpu.yaml -m genteach.train --config $recipe/train.yaml "${over[@]}"
  genteach evaluate --config $recipe/evaluate.yaml --model $run/"$1" --orca-bench $run/orca_bench --out $run/results/"$1"
}
two() { # the arms whose settings follow, side by side
  local names=() pids=()
  while [ $# -gt 0 ]; do
    # shellcheck disable=SC2086
    arm $1 2>&1 | sed -u "s/^/${1%% *}: /" & pids+=($!)
    shift
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
}

say "Training: the student, and the base (the same weights after as many tokens of the plain documents)"
two "student $run/data" "base $run/seeds.parquet --set data_format=text"
say "Two arms to compare with: bare answers, and unverified ones"
two "bare $run/controls/bare" "unverified $run/controls/unverified"

say "Is the student better? On held-out documents, with 95 % intervals"
genteach compare $run/results/{base,student,bare,unverified} --html $run/results/report.html
say "Done"
