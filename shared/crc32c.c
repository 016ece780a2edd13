#include "shared/crc32c.h"

#include <stdbool.h>

/* The polynomial 0x1edc6f41 with its bits in reverse order. */
#define POLYNOMIAL UINT32_C(0x82f63b78)

/* table[k][b]: what byte b becomes after k more bytes of zeros have passed. */
static uint32_t table[8][256];

static void make_table(void)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t crc = b;

		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
		table[0][b] = crc;
	}
	for (int k = 1; k < 8; k++) {
		for (int b = 0; b < 256; b++) {
			uint32_t crc = table[k - 1][b];

			table[k][b] = (crc >> 8) ^ table[0][crc & 0xff];
		}
	}
}

static uint32_t four_bytes(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Eight bytes a step ("slicing by 8"): the eight look-ups do not wait for each other. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	static bool made;
	const unsigned char *p = data;

	if (!made) {
		make_table();
		made = true;
	}
	crc = ~crc;
	for (; len >= 8; p += 8, len -= 8) {
		uint32_t low = crc ^ four_bytes(p);
		uint32_t high = four_bytes(p + 4);

		crc = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^
		    table[5][low >> 16 & 0xff] ^ table[4][low >> 24] ^ table[3][high & 0xff] ^
		    table[2][high >> 8 & 0xff] ^ table[1][high >> 16 & 0xff] ^ table[0][high >> 24];
	}
	for (; len > 0; p++, len--)
		crc = (crc >> 8) ^ table[0][(crc ^ *p) & 0xff];
	return ~crc;
}
