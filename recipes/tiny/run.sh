#!/usr/bin/env bash
# The quickstart: documents in, a measured student out, on two CPU cores, with nothing to download.
# Every line resumes where it stopped; `rm -r runs/quickstart` starts afresh. --smoke: the same path in small.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH="$PWD/.venv/bin:$PATH" OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
set -m # each arm is a process group of its own, so that all of it can be stopped
stop() { for job in $(jobs -p); do kill -- "-$job" 2>/dev/null || true; done; exit "$1"; }
trap 'echo "stopped; run the same command to go on"; stop 130' INT TERM

recipe=recipes/tiny run=runs/quickstart items=200 limit= steps=2000 save=500
case "${1:-}" in
  "") ;;
  --smoke) run=runs/smoke items=10 limit=120 steps=20 save=20; rm -rf "$run" ;;
  *) echo "$0: no option $1; there is --smoke" >&2; exit 2 ;;
esac
began=$SECONDS
say() { printf '\n== %s (%d s)\n' "$1" $((SECONDS - began)); }

say "Documents to verified pairs"
genteach generate --config $recipe/generate.yaml --out $run ${limit:+--limit $limit}
genteach orca-bench build $run --per-skill $items
genteach curate $run
genteach curate $run --control bare         # the same pairs, each answer without its working
genteach curate $run --control unverified   # the same pairs, 30 % of the answers wrong

say "A student from nothing: random weights, and a tokenizer learnt from the training seeds"
genteach init-student --config $recipe/student.yaml --seeds $run/seeds.parquet --out $run/init

arm() { # NAME DATA FORMAT: tokens, plan, checkpoint, and what it answers on held-out documents
  local over=(
    --set model_name_or_path=$run/init --set data="$2" --set data_format="$3" --set tokens=$run/tokens/"$1"
    --set output_dir=$run/"$1" --set max_steps=$steps --set save_steps=$save
  )
  genteach tokenize --config $recipe/train.yaml "${over[@]}" --processes 1
  genteach pack --config $recipe/train.yaml "${over[@]}"
  accelerate launch --config_file recipes/accelerate/cpu.yaml -m genteach.train --config $recipe/train.yaml "${over[@]}"
  genteach evaluate --config $recipe/evaluate.yaml --model $run/"$1" --orca-bench $run/orca_bench --out $run/results/"$1"
}
both() { # two arms side by side, a core each
  local first second
  # shellcheck disable=SC2086
  arm $1 2>&1 | named "${1%% *}" & first=$!
  arm $2 2>&1 | named "${2%% *}" & second=$!
  wait $first || stop 1
  wait $second || stop 1
}
named() { while IFS= read -r line; do printf '%s: %s\n' "$1" "$line"; done; }

say "Training: the student, and the base (the same weights after as many tokens of the plain documents)"
both "student $run/data messages" "base $run/seeds.parquet text"
say "Two arms to compare with: bare answers, and unverified ones"
both "bare $run/controls/bare messages" "unverified $run/controls/unverified messages"

say "Is the student better? On held-out documents, with 95 % intervals"
genteach compare $run/results/{base,student,bare,unverified} --html $run/results/report.html
say "Done: the page is $run/results/report.html"
cat <<EOF
The teacher was a set of rules. With a real one, on your own documents:
  genteach generate --seeds DOCS --teacher http://127.0.0.1:8000/v1 --skills all --out runs/mine
EOF
