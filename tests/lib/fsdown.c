/* fsdown DIR FLAG - cut the power of the file system that holds DIR, as far as its disk can tell.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The kernel's own test hook (FS_IOC_SHUTDOWN; ext4, xfs, f2fs; needs CAP_SYS_ADMIN). From then on
 * every call on that file system fails with EIO. Unmount, mount again: the journal is replayed as
 * after a real loss of power.
 *   FLAG 1  the journal is written out first: metadata is there, data that nobody synced is not
 *   FLAG 2  nothing more is written: what nobody synced is gone, renames too
 * Exit: 0 done, 2 failed.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/* include/uapi/linux/fs.h has it since 6.16 only. */
#ifndef FS_IOC_SHUTDOWN
#define FS_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#endif

int
main(int argc, char **argv)
{
	uint32_t flag;
	int fd;

	if (argc != 3 || (strcmp(argv[2], "1") != 0 && strcmp(argv[2], "2") != 0)) {
		fprintf(stderr, "usage: fsdown DIR 1|2\n");
		return 2;
	}
	flag = argv[2][0] == '1' ? 1 : 2;
	fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, FS_IOC_SHUTDOWN, &flag) != 0) {
		perror(argv[1]);
		return 2;
	}
	return 0;
}
