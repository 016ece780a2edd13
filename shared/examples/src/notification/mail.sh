# Notification of the frontend by mail, with its deployment and its testing.


mail() {
	echo "mail to $1"
}
