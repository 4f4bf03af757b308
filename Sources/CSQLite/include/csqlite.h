// The SQLite calls that Swift cannot make because they are variadic. The connection is passed as an untyped
// pointer so that this header needs no sqlite3.h of its own beside the one the Swift side imports.
#ifndef TIDINGS_CSQLITE_H
#define TIDINGS_CSQLITE_H

/// sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL)
int csqlite_no_checkpoint_on_close(void *connection);

#endif
