#!/bin/sh
# run.sh fuzz SECONDS [TARGET]: feeds each target, or one, and says how it went; 1 if anything was found.
# run.sh seeds: writes the first inputs of all targets into Corpora.
set -u
cd "$(dirname "$0")" || exit 1
program=.build/release/Fuzz
export NETISR_FUZZ_PLUGINS=.build/release NETISR_FUZZ_SAMPLES=../Samples
# libFuzzer looks at crashes, not Swift's runtime; leaks are for whole programs to have.
export SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1

if [ "$1" = seeds ]; then
	mkdir -p Corpora && exec $program seeds Corpora
fi

seconds=$2
findings=0
mkdir -p Findings
for target in ${3:-$(ls Corpora)}; do
	work=.build/work/$target
	log=.build/work/$target.log
	mkdir -p "$work"
	regressions=Regressions/$target
	[ -d "$regressions" ] || regressions=
	# What was learnt goes into the first folder; the others are read.
	$program "$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 -max_len=8192 -print_final_stats=1 \
		-artifact_prefix="Findings/$target-" "$work" "Corpora/$target" $regressions >"$log" 2>&1
	status=$?
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
	echo "$target: ${runs:-?} inputs, coverage ${coverage:-?}, $([ $status = 0 ] && echo 'nothing found' || echo "FOUND, status $status: $log")"
	if [ $status != 0 ]; then
		findings=1
		grep -m 3 -e '^FINDING' -e 'Fatal error' -e '^==.*ERROR' -e 'Test unit written' "$log"
	fi
done
exit $findings
