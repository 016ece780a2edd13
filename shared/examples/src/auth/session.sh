# Session management for auth: one session for each sign-in.


session() {
	session_id=$1-$$
}
