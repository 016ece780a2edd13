#include <check.h>
#include <stdint.h>
#include <string.h>

#include "shared/crc32c.h"

Suite *crc32c_suite(void);

START_TEST(known_values)
{
	unsigned char bytes[32];

	ck_assert_uint_eq(crc32c(0, NULL, 0), 0);
	ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283);
	ck_assert_uint_eq(crc32c(0, "a", 1), 0xc1d04330);
	/* RFC 3720, appendix B.4. */
	memset(bytes, 0, sizeof(bytes));
	ck_assert_uint_eq(crc32c(0, bytes, sizeof(bytes)), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	ck_assert_uint_eq(crc32c(0, bytes, sizeof(bytes)), 0x62a8ab43);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	ck_assert_uint_eq(crc32c(0, bytes, sizeof(bytes)), 0x46dd794e);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(31 - i);
	ck_assert_uint_eq(crc32c(0, bytes, sizeof(bytes)), 0x113fdb5c);
}
END_TEST

/* Bit by bit, as the definition says. */
static uint32_t slow(const unsigned char *p, size_t len)
{
	uint32_t crc = 0xffffffff;

	for (; len > 0; len--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

START_TEST(any_length_place_and_cut)
{
	unsigned char bytes[80];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 151 + 7);
	for (size_t start = 0; start < 8; start++) {
		for (size_t len = 0; len + start <= sizeof(bytes); len++) {
			uint32_t expected = slow(bytes + start, len);
			uint32_t half = crc32c(0, bytes + start, len / 2);

			ck_assert_uint_eq(crc32c(0, bytes + start, len), expected);
			ck_assert_uint_eq(crc32c(half, bytes + start + len / 2, len - len / 2),
			    expected);
		}
	}
}
END_TEST

Suite *crc32c_suite(void)
{
	Suite *s = suite_create("crc32c");
	TCase *t = tcase_create("crc32c");

	tcase_add_test(t, known_values);
	tcase_add_test(t, any_length_place_and_cut);
	suite_add_tcase(s, t);
	return s;
}
