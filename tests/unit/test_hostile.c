/* SPDX-License-Identifier: Apache-2.0
 * Objects of a target that lies: memory full of pointers into itself, with every layout there is.
 * Each reader must come to an end within its bounds; under the sanitizers, without touching what is
 * not its own. */
#include <check.h>

#include "tests/unit/run_suite.h"
#include "tests/unit/fake_mem.h"
#include "lib/python/layout.h"
#include "lib/python/pyframe.h"
#include "lib/python/pyobj.h"

#define BASE 0x7f0000000000u
#define N_WORDS 512u
#define ROUNDS 3000
#define STEPS 2000u /* asked of one iterator; forged counts promise up to 2^32 */

static uint64_t words[N_WORDS];
static struct fake_mem fake;
static uint64_t state = 88172645463325252u;

/* Words that look like what the readers follow: pointers into the memory itself, small counts,
 * flags, noise. */
static void forge(void)
{
	for (unsigned i = 0; i < N_WORDS; i++) {
		uint64_t noise = fake_random(&state);
		switch (noise % 8) {
		case 0: case 1: case 2:
			words[i] = BASE + (noise >> 8) % (N_WORDS * 8);
			break;
		case 3:
			words[i] = BASE + 8 * ((noise >> 8) % N_WORDS);
			break;
		case 4:
			words[i] = (noise >> 8) % 64;
			break;
		case 5:
			words[i] = 1ul << (noise >> 8) % 64;
			break;
		case 6:
			words[i] = (1ul << (noise >> 8) % 33) - 1;
			break;
		default:
			words[i] = noise;
		}
	}
}

static tc_addr somewhere(void)
{
	return BASE + 8 * (fake_random(&state) % N_WORDS);
}

static void read_scalars(const struct tc_py *py)
{
	char text[300];
	size_t len = 0;
	int64_t number;
	uint64_t n;

	if (tc_str_read(py, somewhere(), text, sizeof(text), &len) == 0) {
		ck_assert_uint_lt(len, sizeof(text));
		ck_assert_int_eq(text[len], 0);
	}
	tc_str_is(py, somewhere(), "hexversion");
	tc_int_read(py, somewhere(), &number, &n);
}

static void read_dicts(const struct tc_py *py)
{
	struct tc_type_facts type;
	struct tc_dict dict;
	tc_addr key, value;
	uint64_t offset;

	if (tc_dict_open(py, somewhere(), &dict) == 0)
		for (unsigned i = 0; i < STEPS && tc_dict_next(&dict, &key, &value) > 0; i++)
			;
	if (tc_type_facts_read(py, somewhere(), &type) == 0 &&
	    tc_attrs_open(py, somewhere(), &type, &dict) == 0)
		for (unsigned i = 0; i < STEPS && tc_dict_next(&dict, &key, &value) > 0; i++)
			;
	tc_slot_offset(py, somewhere(), "_state", &offset);
}

static void read_sequences(const struct tc_py *py)
{
	struct tc_seq seq;
	tc_addr item;

	for (enum tc_seq_kind kind = TC_SEQ_LIST; kind <= TC_SEQ_DEQUE; kind++)
		if (tc_seq_open(py, somewhere(), kind, &seq) == 0)
			for (unsigned i = 0; i < STEPS && tc_seq_next(&seq, &item) > 0; i++)
				;
}

static void read_frames(const struct tc_py *py)
{
	struct tc_gen gen;
	struct tc_frame_view view;
	struct tc_code_facts facts;
	struct tc_position position;
	tc_addr frame = 0;
	bool foreign;

	tc_gen_read(py, somewhere(), &gen);
	tc_code_facts_read(py, somewhere(), &facts);
	tc_code_position(py, somewhere(), (int64_t)(fake_random(&state) % 4096) - 2, &position);
	tc_code_awaits(py, somewhere(), (int64_t)(fake_random(&state) % 4096) - 2);
	if (tc_thread_frame(py, somewhere(), &frame) == 0)
		for (unsigned i = 0;
		     i < STEPS && tc_frame_read(py, frame, &view, &foreign, &frame) == 0; i++)
			;
}

START_TEST(test_forged_objects_are_read_within_bounds)
{
	struct tc_py py = { .mem = &fake.mem, .at = tc_layout_rows[_i] };

	fake_mem_init(&fake, BASE, words, sizeof(words));
	for (int round = 0; round < ROUNDS; round++) {
		forge();
		for (int i = 0; i < 8; i++) {
			read_scalars(&py);
			read_dicts(&py);
			read_sequences(&py);
			read_frames(&py);
		}
	}
	ck_assert_uint_gt(fake.mem.n_faults, 0);
	ck_assert_uint_gt(fake.mem.bytes_read, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hostile");
	TCase *c = tcase_create("all");

	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, test_forged_objects_are_read_within_bounds, 0,
			    (int)tc_layout_n_rows);
	suite_add_tcase(s, c);
	return run_suite(s);
}
