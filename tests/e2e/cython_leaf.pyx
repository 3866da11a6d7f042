# SPDX-License-Identifier: Apache-2.0
# Coroutines that Cython, or Nuitka, compiles: compiled.py builds it.
import asyncio


async def cy_d():
    await asyncio.Event().wait()


async def cy_c():
    await cy_d()


async def cy_b():
    await cy_c()


async def cy_a():
    await cy_b()


async def mixed(function):
    await function()
