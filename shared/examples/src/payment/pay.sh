# Payment over the API; its database queries are slow.


pay() {
	paid=$1
}
