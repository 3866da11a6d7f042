/* SPDX-License-Identifier: Apache-2.0
 * One function for each kind of record. Nothing here allocates by a number that the file states: an
 * array grows by one element for each record that is really there, and a record has at least two
 * bytes. */
#include "analyzer/dump/decode.h"

#include "analyzer/base/array.h"

/* The model's array behind each table: what to do with it is F(table, array). */
#define TABLES(F)                   \
	F(TC_TAB_STRING, strings)   \
	F(TC_TAB_TYPE, types)       \
	F(TC_TAB_CODE, codes)       \
	F(TC_TAB_SITE, sites)       \
	F(TC_TAB_CHAIN, chains)     \
	F(TC_TAB_CONTEXT, contexts) \
	F(TC_TAB_LOOP, looprefs)    \
	F(TC_TAB_INTERP, interps)

/* An entry for an identifier that is unknown: none, or lost with its chunk. */
static void add_empty(struct tc_model *model, enum tc_table table)
{
#define ADD(id, array)                                                                  \
	if (table == id)                                                                \
		memset(tc_push(model->array, model->n_##array, model->array##_room), 0, \
		       sizeof(*model->array));
	TABLES(ADD)
#undef ADD
	/* The empty text has an address: nothing may be added to a null pointer. */
	if (table == TC_TAB_STRING)
		model->strings[model->n_strings - 1].at = (const uint8_t *)"";
}

static size_t table_size(const struct tc_model *model, enum tc_table table)
{
	const size_t sizes[TC_N_TABLES] = {
#define SIZE(id, array) [id] = model->n_##array,
		TABLES(SIZE)
#undef SIZE
	};
	return sizes[table];
}

void tc_decode_init(struct tc_model *model)
{
	for (int t = 0; t < TC_N_TABLES; t++)
		add_empty(model, (enum tc_table)t);
}

static struct tc_text text_at(struct tc_cursor *cur)
{
	struct tc_text text;

	text.at = tc_cur_b(cur, &text.size);
	return text;
}

static void read_head(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_head *head = &model->head;

	head->present = true;
	head->pid = tc_cur_u32(cur);
	head->pid_ns = tc_cur_u32(cur);
	head->ppid = tc_cur_u32(cur);
	head->uid = tc_cur_u32(cur);
	head->gid = tc_cur_u32(cur);
	head->reason = text_at(cur);
	head->signal = tc_cur_u32(cur);
	head->sender_pid = tc_cur_u32(cur);
	head->sender_uid = tc_cur_u32(cur);
	head->wall_ns = tc_cur_u(cur);
	head->monotonic_ns = tc_cur_u(cur);
	head->boottime_ns = tc_cur_u(cur);
	head->start_ns = tc_cur_u(cur);
	head->exe = text_at(cur);
	head->argv = text_at(cur);
	head->host = text_at(cur);
	head->kernel = text_at(cur);
	head->writer = text_at(cur);
	head->flags = tc_cur_u32(cur);
	head->state = tc_cur_u32(cur);
	head->page_size = tc_cur_u(cur);
	head->cgroup = text_at(cur);
	tc_cur_u(cur); /* cookie */
	head->features = tc_cur_u(cur);
	head->max_fds = tc_cur_u(cur);
}

static struct tc_span span_at(struct tc_cursor *cur)
{
	struct tc_span span;

	span.start = tc_cur_u(cur);
	span.end = tc_cur_u(cur);
	return span;
}

static void read_crash(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_crash_record *crash = &model->crash;

	crash->present = true;
	crash->tid = tc_cur_u32(cur);
	crash->flags = tc_cur_u32(cur);
	crash->code = tc_cur_s(cur);
	crash->address = tc_cur_u(cur);
	crash->mapping = span_at(cur);
	crash->access = tc_cur_u32(cur);
	crash->path = text_at(cur);
	crash->below = tc_cur_u(cur);
	crash->above = tc_cur_u(cur);
	crash->handler = tc_cur_u(cur);
}

static void read_thread(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_thread *thread = tc_push(model->threads, model->n_threads, model->threads_room);

	thread->tid = tc_cur_u32(cur);
	thread->tid_ns = tc_cur_u32(cur);
	thread->name = text_at(cur);
	thread->state = (uint8_t)tc_cur_u(cur);
	thread->how = (uint8_t)tc_cur_u(cur);
	thread->pc = tc_cur_u(cur);
	thread->sp = tc_cur_u(cur);
	thread->syscall = tc_cur_u(cur);
	for (int i = 0; i < 6; i++)
		thread->args[i] = tc_cur_u(cur);
	thread->utime_ns = tc_cur_u(cur);
	thread->stime_ns = tc_cur_u(cur);
	thread->wchan = text_at(cur);
	thread->flags = tc_cur_u32(cur);
	thread->stack = span_at(cur);
	thread->kept = span_at(cur);
}

static void read_look(struct tc_model *model, struct tc_cursor *cur)
{
	if (model->n_looks == TC_LOOK_RECORDS_MAX)
		return;
	struct tc_look *look = tc_push(model->looks, model->n_looks, model->looks_room);

	look->tid = tc_cur_u32(cur);
	look->flags = tc_cur_u32(cur);
	look->last_state = tc_cur_u32(cur);
	look->watched_ns = tc_cur_u(cur);
	look->run_ns = tc_cur_u(cur);
	look->wait_ns = tc_cur_u(cur);
	look->switches = tc_cur_u(cur);
}

static void read_module(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_module_map *module =
		tc_push(model->modules, model->n_modules, model->modules_room);

	module->base = tc_cur_u(cur);
	module->end = tc_cur_u(cur);
	for (int i = 0; i < 4; i++) /* device, inode, mtime, size */
		tc_cur_u(cur);
	module->build_id = text_at(cur);
	module->path = text_at(cur);
}

static void read_fd(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_fd *fd = tc_push(model->fds, model->n_fds, model->fds_room);

	fd->fd = tc_cur_u32(cur);
	fd->type = tc_cur_u32(cur);
	fd->family = tc_cur_u32(cur);
	fd->socket_type = tc_cur_u32(cur);
	fd->local = text_at(cur);
	fd->peer = text_at(cur);
	fd->unread = tc_cur_u(cur);
	fd->unsent = tc_cur_u(cur);
	fd->what = text_at(cur);
	fd->state = tc_cur_u32(cur);
	fd->missing = tc_cur_u32(cur);
}

static void read_string(struct tc_model *model, struct tc_cursor *cur)
{
	uint32_t class = tc_cur_u32(cur);
	uint32_t size = (uint32_t)(cur->end - cur->at); /* at most TC_RECORD_MAX */

	*tc_push(model->strings, model->n_strings, model->strings_room) =
		(struct tc_string){ .at = cur->at, .size = size, .class = class };
}

static void read_type(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_type *type = tc_push(model->types, model->n_types, model->types_room);

	type->addr = tc_cur_u(cur);
	type->name = tc_cur_u32(cur);
	type->module = tc_cur_u32(cur);
	type->flags = tc_cur_u32(cur);
}

static void read_code(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_pycode *code = tc_push(model->codes, model->n_codes, model->codes_room);

	code->addr = tc_cur_u(cur);
	code->name = tc_cur_u32(cur);
	code->qualname = tc_cur_u32(cur);
	code->file = tc_cur_u32(cur);
	code->first_line = tc_cur_u32(cur);
	code->flags = tc_cur_u32(cur);
	code->n_names = tc_cur_u32(cur);
	code->names = cur->at;
	code->names_size = (uint32_t)(cur->end - cur->at);
	if (code->n_names > TC_NAMES_MAX || code->n_names > code->names_size) {
		cur->bad = true;
		code->n_names = 0;
	}
}

static void read_site(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_site *site = tc_push(model->sites, model->n_sites, model->sites_room);

	site->code = tc_cur_u32(cur);
	site->lasti = tc_cur_u32(cur);
	site->line = tc_cur_u32(cur);
	site->column = tc_cur_u32(cur);
	site->end_line = tc_cur_u32(cur);
	site->end_column = tc_cur_u32(cur);
}

static void read_chain(struct tc_model *model, struct tc_cursor *cur)
{
	uint32_t id = (uint32_t)model->n_chains;
	struct tc_chain *chain = tc_push(model->chains, model->n_chains, model->chains_room);

	chain->parent = tc_cur_u32(cur);
	uint64_t kind = tc_cur_u(cur);
	chain->kind = kind > TC_FRAME_UNKNOWN ? TC_FRAME_UNKNOWN : (uint8_t)kind;
	chain->ref = kind > TC_FRAME_UNKNOWN ? 0 : tc_cur_u32(cur);
	if (kind > TC_FRAME_UNKNOWN)
		tc_cur_u(cur);
	chain->runtime = (uint8_t)tc_cur_u(cur);
	chain->name = tc_cur_u32(cur);
	if (chain->parent >=
	    id) { /* a parent is defined before its children: this also makes rings impossible */
		cur->bad = true;
		chain->parent = 0;
	}
	const struct tc_chain *parent = &model->chains[chain->parent];
	chain->depth = parent->depth + 1;
	unsigned python = parent->python + tc_frame_has_code(chain->kind);
	chain->python = python > UINT16_MAX ? UINT16_MAX : (uint16_t)python;
}

static void read_context(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_context *context =
		tc_push(model->contexts, model->n_contexts, model->contexts_room);

	context->vars = cur->at;
	context->size = (uint32_t)(cur->end - cur->at);
}

static void read_loopref(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_loopref *ref = tc_push(model->looprefs, model->n_looprefs, model->looprefs_room);

	ref->addr = tc_cur_u(cur);
	ref->type = tc_cur_u32(cur);
	ref->state = 0;
}

static void read_interp(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_interp *interp = tc_push(model->interps, model->n_interps, model->interps_room);

	interp->addr = tc_cur_u(cur);
	interp->id = tc_cur_u32(cur);
	interp->runtime = tc_cur_u32(cur);
	interp->version = tc_cur_u32(cur);
	interp->flags = tc_cur_u32(cur);
	interp->layout = tc_cur_u32(cur);
	interp->implementation = tc_cur_u32(cur);
}

/* An address given as its distance to the task; 0 means that there is none. */
static uint64_t near_address(struct tc_cursor *cur, uint64_t task)
{
	int64_t distance = tc_cur_s(cur);

	return distance ? task + (uint64_t)distance : 0;
}

/* A number given as its distance to the one before; one beyond 32 bits reads as 0, which is
 * unknown. */
static uint32_t near_number(struct tc_cursor *cur, uint64_t *previous)
{
	uint64_t value = tc_cur_d(cur, previous);

	return value > UINT32_MAX ? 0 : (uint32_t)value;
}

static void count_task(struct tc_model *model, const struct tc_task *task)
{
	model->n_links += model->chains[task->chain].depth;
	if (!tc_task_alive(task))
		return;
	model->n_torn += (task->flags & TC_TASK_TORN) != 0;
	model->n_clean += !(task->flags & (TC_TASK_TORN | TC_TASK_CUT));
}

/* The last fields of a task's record, of one that failed. */
static void read_failure(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_failure *failure =
		tc_push(model->failures, model->n_failures, model->failures_room);

	tc_cur_u(cur); /* runtime */
	failure->task = (uint32_t)model->n_tasks - 1;
	failure->traceback = tc_cur_u32(cur);
	failure->coroutine = tc_cur_u32(cur);
	if (failure->traceback >= model->n_chains)
		failure->traceback = 0;
}

static void read_task(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_task *task = tc_push(model->tasks, model->n_tasks, model->tasks_room);

	task->locals = NULL;
	task->locals_size = 0;
	task->objects = (uint32_t)model->n_objects;
	task->flags = tc_cur_u32(cur);
	tc_cur_u(cur); /* interpreter */
	task->addr = tc_cur_d(cur, &model->streams.task);
	task->type = tc_cur_u32(cur);
	task->name = near_number(cur, &model->streams.name);
	task->loop = tc_cur_u32(cur);
	tc_cur_u(cur); /* coroutine */
	task->chain = tc_cur_u32(cur);
	task->leaf = near_address(cur, task->addr);
	if (task->leaf)
		model->streams.object = task->leaf;
	int64_t waiter = tc_cur_s(cur);
	task->waiter = task->flags & TC_TASK_NO_WAITER ?
			       0 :
			       (task->leaf ? task->leaf : task->addr) + (uint64_t)waiter;
	task->cancels = tc_cur_u32(cur);
	task->context = near_number(cur, &model->streams.context);
	task->exception = tc_cur_u32(cur);
	task->thread = tc_cur_u32(cur);
	if (task->chain >= model->n_chains)
		task->chain = 0; /* lost with its chunk */
	if (task->exception)
		read_failure(model, cur);
	count_task(model, task);
	model->open = TC_OPEN_TASK;
}

/* The values are decoded when they are shown. */
static void read_locals(struct tc_model *model, struct tc_cursor *cur)
{
	uint32_t size = (uint32_t)(cur->end - cur->at);

	if (model->open == TC_OPEN_TASK) {
		model->tasks[model->n_tasks - 1].locals = cur->at;
		model->tasks[model->n_tasks - 1].locals_size = size;
	} else if (model->open == TC_OPEN_THREAD) {
		model->pythreads[model->n_pythreads - 1].locals = cur->at;
		model->pythreads[model->n_pythreads - 1].locals_size = size;
	}
}

static void read_hold(struct tc_model *model, struct tc_cursor *cur, uint32_t owner, uint64_t *near,
		      struct tc_hold *ret)
{
	*ret = (struct tc_hold){ .owner = owner, .flags = tc_cur_u32(cur) };
	ret->manager = tc_cur_d(cur, near);
	ret->type = tc_cur_u32(cur);
	ret->place = tc_cur_u32(cur);
	if (ret->place >= model->n_chains)
		ret->place = 0;
}

static void read_holds(struct tc_model *model, struct tc_cursor *cur)
{
	const bool of_task = model->open == TC_OPEN_TASK;
	uint64_t near = 0;

	if (model->open == TC_OPEN_NONE)
		return;
	uint32_t owner = (uint32_t)(of_task ? model->n_tasks : model->n_pythreads) - 1;
	if (!of_task)
		near = model->pythreads[owner].addr;
	else
		near = model->tasks[owner].leaf ? model->tasks[owner].leaf :
						  model->tasks[owner].addr;
	for (uint64_t n = tc_cur_u(cur); n > 0 && tc_cur_more(cur) && !cur->bad; n--)
		read_hold(model, cur, owner, &near,
			  of_task ? tc_push(model->holds, model->n_holds, model->holds_room) :
				    tc_push(model->thread_holds, model->n_thread_holds,
					    model->thread_holds_room));
}

static void read_refs(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_refs *refs = tc_push(model->refs, model->n_refs, model->refs_room);
	uint64_t near;

	near = refs->addr = tc_cur_d(cur, &model->streams.object);
	refs->flags = tc_cur_u32(cur);
	refs->type = tc_cur_u32(cur);
	refs->references = tc_cur_u32(cur);
	refs->owner = tc_cur_u(cur);
	refs->first = model->n_ref_to;
	refs->n = 0;
	for (uint64_t n = tc_cur_u(cur); n > 0 && tc_cur_more(cur) && !cur->bad; n--, refs->n++)
		*tc_push(model->ref_to, model->n_ref_to, model->ref_to_room) = tc_cur_d(cur, &near);
	refs->site = tc_cur_u32(cur);
	for (uint32_t i = 0; i < refs->n; i++)
		*tc_push(model->ref_words, model->n_ref_words, model->ref_words_room) =
			refs->site || refs->flags & TC_REFS_NAMED ? tc_cur_u32(cur) : 0;
}

/* A number of names, and the names. */
static uint32_t read_names(struct tc_model *model, struct tc_cursor *cur)
{
	uint32_t n = 0;

	for (uint64_t left = tc_cur_u(cur); left > 0 && tc_cur_more(cur) && !cur->bad; left--, n++)
		*tc_push(model->names, model->n_names, model->names_room) = tc_cur_u32(cur);
	return n;
}

static void read_function(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_function *function =
		tc_push(model->functions, model->n_functions, model->functions_room);

	function->code = tc_cur_u32(cur);
	function->flags = tc_cur_u32(cur);
	function->first = model->n_names;
	function->n_keys = read_names(model, cur);
	function->n_own = read_names(model, cur);
	function->n_nested = read_names(model, cur);
}

static void read_heap(struct tc_model *model, struct tc_cursor *cur)
{
	tc_cur_u32(cur); /* the interpreter */
	model->n_heaps += (tc_cur_u32(cur) & TC_HEAP_WHOLE) != 0;
}

static void read_bytecode(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_bytecode *one =
		tc_push(model->bytecodes, model->n_bytecodes, model->bytecodes_room);
	struct tc_text text;

	one->code = tc_cur_u32(cur);
	one->n_locals = tc_cur_u32(cur);
	text = text_at(cur);
	one->at = text.at;
	one->size = (uint32_t)text.size;
	text = text_at(cur);
	one->handlers = text.at;
	one->handlers_size = (uint32_t)text.size;
	one->first = model->n_names;
	one->n_own = read_names(model, cur);
	one->n_nested = read_names(model, cur);
}

static void read_object(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_object *object = tc_push(model->objects, model->n_objects, model->objects_room);

	object->addr = tc_cur_d(cur, &model->streams.object);
	object->type = tc_cur_u32(cur);
	object->flags = tc_cur_u32(cur);
	object->at = cur->at;
	object->size = (uint32_t)(cur->end - cur->at);
}

static void read_pythread(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_pythread *thread =
		tc_push(model->pythreads, model->n_pythreads, model->pythreads_room);

	thread->interp = tc_cur_u32(cur);
	thread->addr = tc_cur_u(cur);
	thread->tid = tc_cur_u32(cur);
	thread->pthread = tc_cur_u(cur);
	thread->flags = tc_cur_u32(cur);
	thread->loop = tc_cur_u32(cur);
	thread->locals = NULL;
	thread->locals_size = 0;
	thread->task = tc_cur_u(cur);
	thread->chain = tc_cur_u32(cur);
	thread->lock = tc_cur_u(cur);
	if (thread->chain >= model->n_chains)
		thread->chain = 0;
}

static void read_loop(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_loop *loop = tc_push(model->loops, model->n_loops, model->loops_room);

	loop->ref = tc_cur_u32(cur);
	loop->interp = tc_cur_u32(cur);
	loop->flags = tc_cur_u32(cur);
	loop->ident = tc_cur_u(cur);
	loop->tid = tc_cur_u32(cur);
	loop->ready = tc_cur_u(cur);
	loop->timers = tc_cur_u(cur);
	loop->overdue = tc_cur_u(cur);
	loop->fds = tc_cur_u(cur);
	loop->due_ns = tc_cur_u(cur);
	loop->now_ns = tc_cur_u(cur);
	loop->cancelled = tc_cur_u(cur);
}

static void read_handle(struct tc_model *model, struct tc_cursor *cur)
{
	uint64_t handle_refs = 0;
	struct tc_handle *handle = tc_push(model->handles, model->n_handles, model->handles_room);

	handle->code = 0;
	handle->task = 0;
	handle->argument = 0;
	handle->loop = tc_cur_u32(cur);
	handle->where = (uint8_t)tc_cur_u(cur);
	handle->flags = (uint8_t)tc_cur_u(cur);
	handle->fd = tc_cur_u(cur);
	handle->due_ns = tc_cur_u(cur);
	if (!tc_cur_value(cur, &handle_refs, &handle->callback))
		return;
	handle->code = tc_cur_u32(cur);
	handle->task = tc_cur_u(cur);
	struct tc_value argument;
	if (tc_cur_more(cur) && tc_cur_value(cur, &handle_refs, &argument) &&
	    (argument.tag == TC_VAL_REF || argument.tag == TC_VAL_SIZED))
		handle->argument = argument.word;
}

static void read_fault(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_fault *fault = tc_push(model->faults, model->n_faults, model->faults_room);

	fault->addr = tc_cur_u(cur);
	fault->error = tc_cur_u32(cur);
	fault->what = tc_cur_u32(cur);
}

static void read_status(struct tc_model *model, struct tc_cursor *cur)
{
	struct tc_status *status = &model->status;
	uint64_t *const counts[] = {
		&status->found, &status->read,	   &status->torn,	 &status->cut,
		&status->done,	&status->faults,   &status->objects,	 &status->objects_cut,
		&status->flags, &status->pause_ns, &status->duration_ns,
	};

	status->present = true;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		*counts[i] = tc_cur_u(cur);
	status->n_notices = 0;
	for (uint64_t n = tc_cur_u(cur); n && tc_cur_more(cur); n--) {
		struct tc_text notice = text_at(cur);
		if (status->n_notices < TC_STATUS_NOTICES)
			status->notices[status->n_notices++] = notice;
	}
	status->swapped = tc_cur_u(cur);
	status->bytes_read = tc_cur_u(cur);
	status->retaken = tc_cur_u(cur);
	status->stopping_ns = tc_cur_u(cur);
	status->releasing_ns = tc_cur_u(cur);
}

/* What a record of each kind is read by; kinds of later versions by nothing. */
static void (*const readers[])(struct tc_model *model, struct tc_cursor *cur) = {
	[TC_REC_HEAD] = read_head,	   [TC_REC_THREAD] = read_thread,
	[TC_REC_MODULE] = read_module,	   [TC_REC_STRING] = read_string,
	[TC_REC_TYPE] = read_type,	   [TC_REC_CODE] = read_code,
	[TC_REC_SITE] = read_site,	   [TC_REC_CHAIN] = read_chain,
	[TC_REC_CONTEXT] = read_context,   [TC_REC_LOOPREF] = read_loopref,
	[TC_REC_INTERP] = read_interp,	   [TC_REC_TASK] = read_task,
	[TC_REC_LOCALS] = read_locals,	   [TC_REC_OBJECT] = read_object,
	[TC_REC_PYTHREAD] = read_pythread, [TC_REC_LOOP] = read_loop,
	[TC_REC_HANDLE] = read_handle,	   [TC_REC_FAULT] = read_fault,
	[TC_REC_STATUS] = read_status,	   [TC_REC_FD] = read_fd,
	[TC_REC_LOOK] = read_look,	   [TC_REC_HOLDS] = read_holds,
	[TC_REC_REFS] = read_refs,	   [TC_REC_BYTECODE] = read_bytecode,
	[TC_REC_FUNCTION] = read_function, [TC_REC_HEAP] = read_heap,
	[TC_REC_CRASH] = read_crash,
};

static void read_record(struct tc_model *model, uint64_t kind, struct tc_cursor *cur)
{
	if (kind >= sizeof(readers) / sizeof(*readers) || !readers[kind])
		return;
	readers[kind](model, cur);
	/* Definitions may stand between a task or thread, its locals and what it holds. */
	if (kind == TC_REC_PYTHREAD)
		model->open = TC_OPEN_THREAD;
	else if (kind > TC_REC_LOCALS)
		model->open = TC_OPEN_NONE;
}

/* The identifiers of this chunk begin at its bases. A gap is what a lost chunk defined: no more
 * than fits into the bytes before this chunk. */
static bool take_bases(struct tc_model *model, const struct tc_loaded_chunk *chunk)
{
	/* A definition takes three bytes at least: kind, length, a field. */
	size_t most = (size_t)(chunk->records - model->dump->map) / 3 + TC_N_TABLES, sum = 0;

	for (int t = 0; t < TC_N_TABLES; t++) {
		if (chunk->head.base[t] < table_size(model, (enum tc_table)t))
			return false;
		sum += chunk->head.base[t];
	}
	if (sum > most)
		return false;
	for (int t = 0; t < TC_N_TABLES; t++)
		for (size_t n = table_size(model, (enum tc_table)t); n < chunk->head.base[t]; n++)
			add_empty(model, (enum tc_table)t);
	return true;
}

/* Read the next record of a chunk. False: it does not fit. */
static bool take_record(struct tc_model *model, struct tc_cursor *all)
{
	uint64_t kind = tc_cur_u(all);
	size_t size;
	struct tc_cursor cur = { .at = tc_cur_b(all, &size) };

	cur.end = cur.at + size;
	if (all->bad || size > TC_RECORD_MAX)
		return false;
	read_record(model, kind, &cur);
	return !cur.bad;
}

/* Behind a record that does not fit nothing can be read. */
static void leave_rest(struct tc_model *model, const struct tc_loaded_chunk *chunk,
		       const uint8_t *start)
{
	struct tc_cursor cur = { .at = start, .end = chunk->records + chunk->size };

	model->open = TC_OPEN_NONE;
	if (!chunk->cut) /* else it was to be expected, and is said already */
		tc_dump_problem(model->dump, (uint64_t)(start - model->dump->map),
				"a record of kind %llu does not fit; the rest of chunk %u is left "
				"out",
				(unsigned long long)tc_cur_u(&cur), chunk->head.seq);
}

void tc_decode_chunk(struct tc_model *model, const struct tc_loaded_chunk *chunk)
{
	struct tc_cursor all = { .at = chunk->records, .end = chunk->records + chunk->size };
	const uint64_t at = (uint64_t)(chunk->records - model->dump->map);
	uint32_t n = 0, n_records = chunk->head.n_records;

	model->streams = (struct tc_streams){ 0 };
	/* A task may be the last record of the chunk before this one, its locals the first of
	 * this. */
	if (chunk->head.seq != model->next_seq)
		model->open = TC_OPEN_NONE;
	model->next_seq = chunk->head.seq + 1;
	if (!take_bases(model, chunk)) {
		tc_dump_problem(model->dump, at,
				"chunk %u contradicts the chunks before it, skipped",
				chunk->head.seq);
		return;
	}
	for (; tc_cur_more(&all) && n < n_records; n++) {
		const uint8_t *start = all.at;
		if (!take_record(model, &all)) {
			leave_rest(model, chunk, start);
			return;
		}
	}
	if ((n != n_records || all.at != all.end) && !chunk->cut)
		tc_dump_problem(model->dump, at, "chunk %u does not hold %u records",
				chunk->head.seq, n_records);
}
