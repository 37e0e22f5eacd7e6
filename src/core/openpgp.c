/* The leading packets of an OpenPGP message: to whom it is encrypted.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdint.h>
#include "openpgp.h"

enum tag { TAG_PKESK = 1, TAG_SKESK = 3, TAG_PLAIN_ENCRYPTED = 9, TAG_MARKER = 10, TAG_PROTECTED = 18, TAG_AEAD = 20 };

struct packet {
	unsigned tag;
	const uint8_t *body;
	size_t len;		/* body bytes that are there */
	bool whole;
};

void openpgp_head_release(struct openpgp_head *h)
{
	strv_release(&h->key_ids);
}

static size_t be(const uint8_t *p, size_t n)
{
	size_t value = 0;

	while (n--)
		value = value << 8 | *p++;
	return value;
}

/* Octets of the length field, and the length; 0 octets: partial or indeterminate. */
static bool read_length(const uint8_t *p, size_t left, bool new_format, size_t *octets, size_t *length)
{
	if (!new_format) {
		unsigned type = p[0] & 3;

		*octets = type == 3 ? 0 : (size_t)1 << type;
		if (left < 1 + *octets)
			return false;
		*length = be(p + 1, *octets);
		return true;
	}
	if (left < 2)
		return false;
	*octets = p[1] < 192 ? 1 : p[1] < 224 ? 2 : p[1] == 255 ? 5 : 0;
	if (left < 1 + *octets)
		return false;
	switch (*octets) {
	case 1:
		*length = p[1];
		break;
	case 2:
		*length = ((size_t)(p[1] - 192) << 8) + p[2] + 192;
		break;
	case 5:
		*length = be(p + 2, 4);
		break;
	default:
		*length = 0;
	}
	return true;
}

/* 1 a packet, 0 the bytes end inside its header, -1 no packet. */
static int next_packet(const uint8_t **p, const uint8_t *end, struct packet *pk)
{
	size_t left = (size_t)(end - *p), octets, length;

	if (!left)
		return 0;
	if (!((*p)[0] & 0x80))
		return -1;
	bool new_format = (*p)[0] & 0x40;

	pk->tag = new_format ? (*p)[0] & 0x3f : ((*p)[0] & 0x3f) >> 2;
	if (!read_length(*p, left, new_format, &octets, &length))
		return 0;
	pk->body = *p + 1 + octets;
	pk->whole = octets && length <= (size_t)(end - pk->body);
	pk->len = pk->whole ? length : (size_t)(end - pk->body);
	*p = pk->body + pk->len;
	return 1;
}

static int add_recipient(const struct packet *pk, struct openpgp_head *h, struct err *err)
{
	AUTO_BUF id = BUF_INIT;

	if (pk->len < 10 || pk->body[0] != 3)
		return err_set(err, ERR_FAIL, "a recipient's packet is malformed");
	for (size_t i = 1; i <= 8; i++)
		buf_addf(&id, "%02X", pk->body[i]);
	strv_add(&h->key_ids, id.p);
	return 0;
}

int openpgp_read_head(const void *data, size_t len, struct openpgp_head *h, struct err *err)
{
	const uint8_t *p = data, *end = p + len;
	struct packet pk;
	int rc;

	while ((rc = next_packet(&p, end, &pk)) > 0) {
		switch (pk.tag) {
		case TAG_PKESK:
			if (!pk.whole)
				return 0;
			if (add_recipient(&pk, h, err) < 0)
				return -1;
			break;
		case TAG_SKESK:
			/* one flipped bit makes it of a key's packet, which has version 3 */
			if (pk.len && (pk.body[0] < 4 || pk.body[0] > 6))
				return err_set(err, ERR_FAIL, "a passphrase's packet is malformed");
			h->passphrase = true;
			break;
		case TAG_MARKER:
			break;
		case TAG_PROTECTED:
		case TAG_AEAD:
			h->data = true;
			return 0;
		case TAG_PLAIN_ENCRYPTED:
			return err_set(err, ERR_FAIL, "the data is not protected against changes");
		default:
			return err_set(err, ERR_FAIL, "not an encrypted OpenPGP message");
		}
		if (!pk.whole)
			return 0;
	}
	return rc < 0 || !len ? err_set(err, ERR_FAIL, "not an encrypted OpenPGP message") : 0;
}
