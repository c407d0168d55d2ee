-- The users and databases of an installation: one user a program, each with a database of its own. They have no
-- passwords (pg_hba.conf). muster_probe asks whether the record store answers, in drills of muster itself. Nobody comes in as it
-- before it is given a password.
CREATE ROLE temporal LOGIN;
CREATE ROLE muster LOGIN;
CREATE ROLE muster_probe LOGIN;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
CREATE DATABASE muster OWNER muster;
REVOKE ALL ON DATABASE temporal, temporal_visibility, muster FROM PUBLIC;
GRANT CONNECT ON DATABASE muster TO muster_probe;
GRANT pg_monitor TO muster; -- so that muster doctor can tell how far a standby is behind
