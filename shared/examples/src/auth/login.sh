# Sign-in: authentication by name, authorization by role.


login() {
	case $1 in
	admin) role=writer ;;
	*) role=reader ;;
	esac
}
