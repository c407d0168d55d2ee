-- The users and databases of an installation: one user a program, each with a database of its own. They have no
-- passwords (pg_hba.conf).
CREATE ROLE temporal LOGIN;
CREATE ROLE muster LOGIN;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
CREATE DATABASE muster OWNER muster;
REVOKE CONNECT ON DATABASE temporal, temporal_visibility, muster FROM PUBLIC;
