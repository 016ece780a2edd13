# fish completion for pollard. What can be typed is known to the program: `pollard __complete`.

function __pollard_complete
	set -l words (commandline -opc | string replace -r '^~/' "$HOME/")
	set -l current (commandline -ct)
	# of a word that is begun in quotes the program is told what stands in them
	set -l typed (string replace -r '^["\']' '' -- "$current")
	set -l program $words[1]
	for line in ($program __complete -- $words[2..-1] "$typed" 2>/dev/null)
		switch $line
			case :files
				# as fish itself does it behind a command that it does not know, with quotes and all
				complete -C "'' $current"
			case :directories
				complete -C "'' $current" | string match -r '^.*/(?:\t.*)?$'
			case :commands
				__fish_complete_command
			case '*'
				echo $line
		end
	end
end

complete -c pollard -k -f -a '(__pollard_complete)'
