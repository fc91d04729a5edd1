#!/usr/bin/env bash
# Fuzzes: gives random inputs to code that reads what strangers send, until one makes it panic or take too much.
#
#   fuzz/run.sh [SECONDS] [TARGET…]              each target for so long (60 seconds)
#   fuzz/run.sh --executions NUMBER [TARGET…]    each target with so many inputs
#
# The targets are in fuzz/fuzz_targets/. Each starts from the inputs in fuzz/corpus/TARGET/, and keeps what it learns below
# the target folder of cargo. An input that is a finding is kept there too, and its name is printed. The fuzzer needs a
# C++ compiler; cargo-fuzz is installed below the target folder if it is missing.
set -euo pipefail
cd "$(dirname "$0")"

cargo_fuzz_version=0.13.2
# For how many seconds and with how much memory (MB) one input may run.
limits=(-timeout=20 -rss_limit_mb=1024)

amount=(-max_total_time=60)
case ${1:-} in
--executions)
  amount=("-runs=${2:?how many executions}")
  shift 2
  ;;
[0-9]*)
  amount=("-max_total_time=$1")
  shift
  ;;
-*)
  sed -n '/^set/q; 2,$s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
targets=("$@")
if ((${#targets[@]} == 0)); then
  targets=(fuzz_targets/*.rs)
  targets=("${targets[@]##*/}")
  targets=("${targets[@]%.rs}")
fi

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$(dirname "$PWD")/target}
work=$CARGO_TARGET_DIR/fuzz
tools=$CARGO_TARGET_DIR/tools
if [[ $("$tools/bin/cargo-fuzz" --version 2>/dev/null) != "cargo-fuzz $cargo_fuzz_version" ]]; then
  cargo install --quiet --locked --root "$tools" --version "$cargo_fuzz_version" cargo-fuzz
fi
PATH=$tools/bin:$PATH

# An error would take longer to record where it arose than the fuzzed code takes. A panic still says where.
export RUST_LIB_BACKTRACE=0
# Address sanitizer needs a nightly compiler, and finds what safe Rust does not have.
fuzz=(--sanitizer none --fuzz-dir . --target-dir "$work/build")
failed=0
for target in "${targets[@]}"; do
  corpus=$work/corpus/$target
  log=$work/$target.log
  mkdir -p "$corpus" "$work/findings/$target" "corpus/$target"
  # Bodies and files may be long. Of everything else, longer inputs only take longer.
  case $target in
  form | multipart | photo) length=65536 ;;
  *) length=4096 ;;
  esac
  arguments=("-max_len=$length" "${limits[@]}" "${amount[@]}" "-artifact_prefix=$work/findings/$target/" -print_final_stats=1)
  [[ ! -e dictionaries/$target.dict ]] || arguments+=("-dict=dictionaries/$target.dict")
  outcome=0
  cargo fuzz run "${fuzz[@]}" "$target" "$corpus" "corpus/$target" -- "${arguments[@]}" >"$log" 2>&1 || outcome=$?
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  findings=$(grep -c 'Test unit written to' "$log" || true)
  echo "$target: ${executions:-0} executions, $findings findings"
  if ((outcome != 0)); then
    failed=1
    tail -n 40 "$log"
  fi
done
exit "$failed"
