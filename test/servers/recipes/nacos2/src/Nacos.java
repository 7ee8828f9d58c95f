package com.alibaba.nacos;

import com.alibaba.nacos.core.code.ControllerMethodsCache;
import com.alibaba.nacos.sys.filter.NacosTypeExcludeFilter;
import java.sql.DriverManager;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.web.servlet.ServletComponentScan;
import org.springframework.context.annotation.ComponentScan;
import org.springframework.context.annotation.FilterType;
import org.springframework.scheduling.annotation.EnableScheduling;

/**
 * Nacos 2 standalone without its console module, which no Maven repository publishes. The class has to live in Nacos's own package: its
 * component scan and type filter go by it.
 */
@SpringBootApplication
@ComponentScan(
        basePackages = "com.alibaba.nacos",
        excludeFilters = @ComponentScan.Filter(type = FilterType.CUSTOM, classes = NacosTypeExcludeFilter.class))
@ServletComponentScan
@EnableScheduling
public class Nacos {
    /** What the console's ConsoleConfig does: without it every v1 call answers 501 "no such api". */
    @Autowired
    void registerControllers(ControllerMethodsCache cache) {
        for (String module : new String[] {"core.controller", "naming.controllers", "config.server.controller"}) {
            cache.initClassMethod("com.alibaba.nacos." + module);
        }
    }

    /**
     * Nacos gives Derby ten seconds to create its database, a constant, which is not enough on a busy machine ("load derby-schema.sql
     * error ... Login timeout exceeded"). Created before, without a limit, it is there at once when Nacos connects.
     */
    private static void createDatabase() throws Exception {
        String url = "jdbc:derby:" + System.getProperty("nacos.home") + "/data/derby-data;create=true";
        DriverManager.getConnection(url, "nacos", "nacos").close();
    }

    public static void main(String[] args) throws Exception {
        LoopbackGrpc.install();
        createDatabase();
        SpringApplication.run(Nacos.class, args);
    }
}
