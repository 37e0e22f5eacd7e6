/* On which ports does sshd listen? Reading what sshd, ss and systemd say, and sshd_config where they say nothing.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_FWSSH_H
#define MAINTKIT_FWSSH_H

#include <stdbool.h>
#include "../base/buf.h"

#define FWSSH_MAX 32

struct fwssh_ports {
	unsigned n;
	unsigned port[FWSSH_MAX];	/* ascending, each once */
	bool overflow;			/* there were more */
};

/* Add 1..65535; others are not added and give false. */
bool fwssh_add(struct fwssh_ports *p, unsigned port);
/* "sshd -T" (sshd(8)): lines "port N" and "listenaddress A:N". Number of lines used. */
unsigned fwssh_parse_effective(const char *text, struct fwssh_ports *p);
/* "ss -H -ltnp": sockets whose process is sshd or dropbear. Number of sockets. */
unsigned fwssh_parse_sockets(const char *text, struct fwssh_ports *p);
/* "systemctl show -p Listen UNIT": lines "Listen=A:N (Stream)". Number of sockets. */
unsigned fwssh_parse_units(const char *text, struct fwssh_ports *p);
/* SSH_CONNECTION of ssh(1): "CLIENT CPORT SERVER SPORT". */
bool fwssh_parse_connection(const char *value, struct fwssh_ports *p);
/* sshd_config(5), global part: Port and ListenAddress; stops before the first
 * Match. Include patterns are appended for the caller to read. 0, or -1 on a
 * line "LINE: ..." that cannot be understood (then nothing is certain). */
int fwssh_parse_config(const char *text, struct fwssh_ports *p, struct strv *includes, struct err *err) MUST_CHECK;

#endif
