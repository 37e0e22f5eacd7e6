-- Two-factor columns in OSCAR's table `security': the secret that a phone shares with the server, and how codes are made of it.
-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Made for every shape of the table that is known: OSCAR 15's .deb (pin varchar(6)), its 2019 source and the forks after it
-- (pin varchar(255)), and OSCAR 19.5, which has the totp_ columns already. Names and types are those of OSCAR 19.5, because
-- its Java maps them. Every statement does one thing and may be run again: a journal that says "statement 3 done" is
-- then exact, and one that was lost does no harm.
--
-- Whether the columns were OSCAR 19.5's own cannot be seen in the table afterwards, and needs not: nothing asks it. Who wants to
-- know finds it in the journal: maintkit_statement.warnings counts a note for each column that was there before.
--
-- Each column is filled by its default. OSCAR itself inserts users without naming these columns, and a NOT NULL
-- column that has no default makes that fail (error 1364 in strict mode).
-- Column definitions name no character set: they follow the table, so that a code or secret compares with `pin' as it is.

ALTER TABLE `security` ADD COLUMN IF NOT EXISTS `totp_enabled` smallint(1) NOT NULL DEFAULT 0;

-- base32, empty: not enrolled
ALTER TABLE `security` ADD COLUMN IF NOT EXISTS `totp_secret` varchar(254) NOT NULL DEFAULT '';

-- OSCAR 19.5 made this one without a default (see above); a default changes no row.
ALTER TABLE `security` ALTER COLUMN `totp_secret` SET DEFAULT '';

ALTER TABLE `security` ADD COLUMN IF NOT EXISTS `totp_algorithm` varchar(50) NOT NULL DEFAULT 'sha1';

ALTER TABLE `security` ADD COLUMN IF NOT EXISTS `totp_digits` smallint NOT NULL DEFAULT 6;

-- seconds
ALTER TABLE `security` ADD COLUMN IF NOT EXISTS `totp_period` smallint NOT NULL DEFAULT 30;

-- While a user is enrolled, `pin' holds the code of the moment: it is what OSCAR compares with what was typed. The PIN the
-- user had before would be lost by that, and switching the second factor off again would leave the last code behind as a
-- PIN for ever, or no PIN at all. So it is kept here from enrolment on, byte for byte as it was in `pin' (plain, or through
-- OSCAR's encryptPIN), put back when the second factor is disabled, and NULL at all other times. It is not a new secret: the
-- same value stood one column further left.
ALTER TABLE `security` ADD COLUMN IF NOT EXISTS `totp_saved_pin` varchar(255) NULL DEFAULT NULL;

-- Six plain digits fit varchar(6), a code of eight does not. MODIFY replaces the whole definition, so a bare
-- "MODIFY pin varchar(255)" would also narrow a wider or a text column, drop NOT NULL and the default, and move the
-- column to the table's character set. Hence only where it is a varchar shorter than 255, and saying again all that it
-- already was. One statement and not three with a user variable between them: a run that was interrupted goes on in a
-- new session, where the variable would be gone.
DELIMITER //
BEGIN NOT ATOMIC
  DECLARE widen text DEFAULT (
    SELECT CONCAT('ALTER TABLE `security` MODIFY COLUMN `pin` varchar(255)',
                  ' CHARACTER SET ', character_set_name, ' COLLATE ', collation_name,
                  IF(is_nullable = 'NO', ' NOT NULL', ' NULL'),
                  -- MariaDB gives a default as it would be written in SQL, and NULL where there is none
                  IF(column_default IS NULL, '', CONCAT(' DEFAULT ', column_default)),
                  IF(column_comment = '', '', CONCAT(' COMMENT ', QUOTE(column_comment))))
      FROM information_schema.columns
     WHERE table_schema = DATABASE() AND table_name = 'security' AND column_name = 'pin'
       AND data_type = 'varchar' AND character_maximum_length < 255);
  IF widen IS NOT NULL THEN
    EXECUTE IMMEDIATE widen;
  END IF;
END//
DELIMITER ;
