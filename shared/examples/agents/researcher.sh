#!/bin/sh
# "Investigate WORDS [below FOLDER]": where these words stand. Finding nothing is a failure.
set -eu

IFS= read -r asked
cat >/dev/null

topic=${asked#Investigate }
folder=.
case $topic in
*" below "*)
	folder=${topic##* below }
	topic=${topic% below *}
	;;
esac

summary=
places=
for word in $topic; do
	found=$(grep -rIin --exclude-dir='.?*' -e "$word" "$folder" | sort) || continue
	files=$(printf '%s\n' "$found" | cut -d : -f 1 | sort -u | wc -l)
	summary="$summary${summary:+, }$word in $files file"
	[ "$files" -eq 1 ] || summary="${summary}s"
	places=$(printf '%s\n%s' "$places" "$found" | sed '/^$/d; s,^\./,,')
done
if [ -z "$places" ]; then
	echo "nothing about '$topic' below $folder" >&2
	exit 1
fi
printf 'Found %s\n\n' "$summary"
printf '%s\n' "$places" | sort -u | head -n 20 | sed 's/^/- /'
