/* SPDX-License-Identifier: Apache-2.0
 * What the instructions of each version of CPython do to local variables and to the flow. */
#ifndef TC_OPCODES_H
#define TC_OPCODES_H

#include <stddef.h>
#include <stdint.h>

/* What an opcode does: */
enum tc_opcode {
	TC_OP_PLAIN = '.',	/* nothing of the following */
	TC_OP_UNKNOWN = '_',	/* it hides another one, or is none */
	TC_OP_EXTENDED = 'e',	/* the next argument is longer */
	TC_OP_LOAD = 'l',	/* loads the slot of its argument */
	TC_OP_LOAD_CELL = 'c',	/* loads that cell or free variable, counted without the locals */
	TC_OP_LOAD_PAIR = 'p',	/* loads two slots, of four bits each */
	TC_OP_STORE = 't',	/* sets the slot of its argument */
	TC_OP_STORE_PAIR = 'T', /* sets two slots, of four bits each */
	TC_OP_STORE_LOAD =
		's',	   /* sets the slot of the high four bits, loads that of the low ones */
	TC_OP_STOP = 'x',  /* the next one is not reached from here */
	TC_OP_RAISE = 'r', /* raises an exception that the program names */
	TC_OP_JUMP = 'f',  /* forward by the argument; 'F': or goes on */
	TC_OP_MAY_JUMP = 'F',
	TC_OP_JUMP_BACK = 'b', /* back by the argument */
	TC_OP_MAY_JUMP_BACK = 'B',
	TC_OP_JUMP_TO = 'a', /* to the argument */
	TC_OP_MAY_JUMP_TO = 'A',
	TC_OP_SETUP = 'h', /* goes on; its handler is forward by the argument (up to 3.10) */
};

struct tc_opcodes {
	unsigned minor;	    /* Python 3.minor */
	const char *what;   /* of each opcode: enum tc_opcode */
	const char *caches; /* of each opcode: '0' + cache entries behind it */
	/* of each opcode: it uses the name of the code with the number of its argument without the
	 * lowest n bits: '0' + n; '.': none */
	const char *names;
};

/* The row of Python 3.minor; NULL: there is none. */
const struct tc_opcodes *tc_opcodes_of(unsigned minor);

#endif
