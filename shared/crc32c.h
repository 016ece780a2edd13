/* CRC-32C (Castagnoli), as in RFC 3720, appendix B.4. */
#ifndef POLLARD_CRC32C_H
#define POLLARD_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of len more bytes; begin with crc 0. crc32c(0, "123456789", 9) is 0xe3069283. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

#endif
