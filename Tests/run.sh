#!/usr/bin/env bash
# run.sh DIRECTORY: runs the tests that were built there, in three processes at once, and says at the end what failed.
#
# Within a process as many tests run at once as there are CPUs, and those of live interfaces wait most of their time: for
# replies, for timeouts of the kernel's. In one process they would take longer than all others together.
set -uo pipefail
directory=$1
program=$directory/netisrPackageTests.xctest
export NO_COLOR=1
# What runs in the background is not reached by the terminal's interrupt.
trap 'trap - INT TERM; kill 0' INT TERM
routed='CommandTests\..*(IP6|IGMP|MLD|Route)'

part() {
	local name=$1
	shift
	"$program" --testing-library swift-testing "$@" 2>&1 | tee "$directory/$name.log" | sed -u "s/^/$name: /"
}

part command --filter CommandTests --skip "$routed" &
command_part=$!
part routed --filter "$routed" &
routed_part=$!
failed=()
part others --skip CommandTests || failed+=(others)
wait $command_part || failed+=(command)
wait $routed_part || failed+=(routed)

for name in command routed others; do
	tail -n 1 "$directory/$name.log" | sed "s/^/$name: /"
done
# What a failure has to say may be long past.
for name in "${failed[@]}"; do
	echo "$name: failed; all of it: $directory/$name.log" >&2
	grep -e '^✘' -e 'Fatal error' -e '^netisr: fatal' "$directory/$name.log" | head -n 40 >&2
	sed -n '/\(WARNING\|ERROR\): [A-Za-z]*Sanitizer/,$p' "$directory/$name.log" | grep -v '^[◇✔]' | head -n 80 >&2
done
[ ${#failed[@]} = 0 ]
