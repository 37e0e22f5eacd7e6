#!/usr/bin/perl
# Collect the command line and environment of every process that is born, about a thousand times a second.
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: proc-watch.pl OUTPUT    until TERM; prints "ready" when it watches, and at the end the looks per second
use strict;
use warnings;
use Time::HiRes qw(time sleep);

my ($out) = @ARGV;
open my $log, '>', $out or die "$out: $!";
$| = 1;
my ($go, $looks, %known) = (1, 0);
$SIG{TERM} = sub { $go = 0 };
my $start = time;
print "ready\n";
while ($go) {
	opendir my $proc, '/proc' or die $!;
	for my $pid (grep { /^\d+$/ && $_ > $$ } readdir $proc) {
		for my $what (qw(cmdline environ)) {
			open my $f, '<', "/proc/$pid/$what" or next;
			local $/;
			my $text = <$f>;
			next if !defined $text or $text eq '' or $known{"$pid $what $text"}++;
			$text =~ tr/\0/ /;
			print $log "$pid $what $text\n";
		}
	}
	$looks++;
	sleep 0.0001;
}
printf "%d\n", $looks / (time - $start);
