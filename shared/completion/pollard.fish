# fish completion for pollard. What can be typed is known to the program: `pollard __complete`.

function __pollard_complete
	set -l words (commandline -opc)
	set -l current (commandline -ct)
	set -l program $words[1]
	for line in ($program __complete -- $words[2..-1] "$current" 2>/dev/null)
		switch $line
			case :files
				__fish_complete_path "$current"
			case :directories
				__fish_complete_directories "$current"
			case :commands
				__fish_complete_command
			case '*'
				echo $line
		end
	end
end

complete -c pollard -f -a '(__pollard_complete)'
