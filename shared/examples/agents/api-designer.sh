#!/bin/sh
# "Assess ... API design": the functions that the shell scripts of the tree define.
set -eu
cat >/dev/null

names=$(grep -rEoh --include='*.sh' --exclude-dir='.?*' '^[a-z_]+\(\)' . | sort) || {
	echo "no script defines a function" >&2
	exit 1
}
twice=$(printf '%s\n' "$names" | uniq -d)
printf '%s\n' "$names" | awk 'END { printf "The interface has %d functions", NR }'
printf '%s\n' "$twice" | awk 'NF { n++ } END { printf ", %d of them defined twice\n\n", n + 0 }'
printf '%s\n' "$names" | uniq | sed 's/^/- /'
