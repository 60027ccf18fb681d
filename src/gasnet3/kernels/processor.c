/* Which of the compiled variants this processor can run. */
int has_avx2(void)
{
#if defined(__x86_64__) || defined(__amd64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return 0;
#endif
}
