# bash completion for pollard. What can be typed is known to the program: `pollard __complete`.

_pollard() {
	local words=("${COMP_WORDS[@]:1:COMP_CWORD}") line word cur=${COMP_WORDS[COMP_CWORD]}
	local program=${COMP_WORDS[0]}

	# readline splits "--option=value" at the sign: put together again
	local joined=() i
	for ((i = 0; i < ${#words[@]}; i++)); do
		if [[ ${words[i]} == = && ${#joined[@]} -gt 0 && ${joined[-1]} == --* ]]; then
			joined[-1]+="=${words[i + 1]-}"
			((i++))
		else
			joined+=("${words[i]}")
		fi
	done
	[[ $cur == = ]] && cur=

	# quoting of what was typed is not the program's business
	for ((i = 0; i < ${#joined[@]}; i++)); do
		word=${joined[i]}
		case $word in
		\'*) word=${word#\'} word=${word%\'} ;;
		\"*) word=${word#\"} word=${word%\"} ;;
		*) word=${word/#\~\//$HOME/} word=${word//\\/} ;;
		esac
		joined[i]=$word
	done

	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		:files) compopt -o filenames; while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$cur") ;;
		:directories) compopt -o filenames; while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -d -- "$cur") ;;
		:commands) while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -c -- "$cur") ;;
		*)
			word=${line%%$'\t'*}
			# only what comes behind the sign is replaced
			[[ ${joined[-1]-} == --*=* ]] && word=${word#*=}
			COMPREPLY+=("$word")
			;;
		esac
	done < <("$program" __complete -- "${joined[@]}" 2>/dev/null)
}
complete -F _pollard pollard
